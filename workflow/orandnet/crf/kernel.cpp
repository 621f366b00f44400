// Mean field of a fully connected CRF with Gaussian edge potentials (Kraehenbuehl & Koltun 2011, algorithm 1 with the
// potentials of equation 3), whose messages are filtered on permutohedral lattices (Adams, Baek & Davis 2010).
// One call treats several labellings of an image, which share the lattices. No threads, nothing kept between calls, no
// Python: ctypes calls it without Python's lock. For GCC and Clang (vectors of four floats).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

namespace {

typedef float Quad __attribute__((vector_size(16)));
typedef float Oct __attribute__((vector_size(32), aligned(16), may_alias));  // two quads that lie side by side
typedef std::int32_t IntOct __attribute__((vector_size(32)));

// Compiled twice, also for processors that take eight floats at once; each operation gives the same bytes on both.
#if defined(__x86_64__) && defined(__GLIBC__)
#define WIDE_WHERE_POSSIBLE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE_WHERE_POSSIBLE
#endif

const int BLOCK = 64;                // pixels whose labels are weighed together; a multiple of 8
const int MOST_CHANNELS = 12;        // labellings go together up to here, and memory does not grow further with them
const float LARGEST_FEATURE = 1e5f;  // beyond it single precision loses the place within a simplex

// Replace x <= 0 by e^x, to 2e-7; by 0 below -80. A power of two times the series on [-ln(2) / 2, ln(2) / 2].
// In place and inlined: to hand over eight floats by value depends on the processor.
inline __attribute__((always_inline)) void exponential(Oct& x) {
    const IntOct is_positive = x > -80.0f;
    const IntOct power = is_positive & __builtin_convertvector(x * 1.44269504f - 0.5f, IntOct);
    const Oct whole = __builtin_convertvector(power, Oct);
    const Oct r = x - whole * 0.693359375f + whole * 2.12194440e-4f;  // ln 2 in two parts, the first one exact
    Oct sum = r * (1.0f / 720) + 1.0f / 120;
    sum = sum * r + 1.0f / 24;
    sum = sum * r + 1.0f / 6;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    x = (Oct)(is_positive & ((IntOct)sum + (power << 23)));
}

// Softmax over the labels of BLOCK pixels, in place; a label's pixels lie side by side.
WIDE_WHERE_POSSIBLE void softmax(Quad* quads, int labels) {
    const int stride = BLOCK / 8;
    Oct* const values = reinterpret_cast<Oct*>(quads);
    for (Oct *at = values, *end = values + stride; at < end; ++at) {
        Oct top = *at, sum = {};
        for (int c = 1; c < labels; ++c) top = at[c * stride] > top ? at[c * stride] : top;
        for (int c = 0; c < labels; ++c) {
            Oct weight = at[c * stride] - top;
            exponential(weight);
            sum += at[c * stride] = weight;
        }
        for (int c = 0; c < labels; ++c) at[c * stride] /= sum;
    }
}

// Numbers the keys 1, 2, ... as they come. An open table, at most half full.
class Numbering {
public:
    // Return the number of a key, 0 if it has none.
    std::uint32_t find(std::uint64_t key) const { return slots[place(key)]; }

    std::uint32_t find_or_add(std::uint64_t key) {
        const std::size_t at = place(key);
        if (slots[at]) return slots[at];
        const std::uint32_t number = slots[at] = std::uint32_t(keys.size());
        keys.push_back(key);
        if (2 * keys.size() > slots.size()) grow();
        return number;
    }

    std::vector<std::uint64_t> keys = {0};  // by number; the first is none

private:
    int shift = 64 - 15;
    std::vector<std::uint32_t> slots = std::vector<std::uint32_t>(std::size_t(1) << 15);

    std::size_t place(std::uint64_t key) const {
        std::size_t at = key >> shift;  // keys are spread over all 64 bits
        while (slots[at] && keys[slots[at]] != key) at = (at + 1) & (slots.size() - 1);
        return at;
    }

    void grow() {
        --shift;
        slots.assign(2 * slots.size(), 0);
        for (std::uint32_t number = 1; number < keys.size(); ++number) slots[place(keys[number])] = number;
    }
};

// The lattice of an image's pixels as points in D dimensions. A vertex has D + 1 whole coordinates that sum to 0. Its
// key is their scalar product with powers of a large number modulo 2^64: a step along an axis adds a constant to it.
// Vertices less than 4,000 apart in each coordinate have different keys, by a reduction of the coincidences.
template <int D>
class Lattice {
public:
    static const int CORNERS = D + 1;

    struct Point {
        std::uint32_t vertex[CORNERS];
        float weight[CORNERS];
    };

    struct Neighbours {
        std::uint32_t previous, next;  // 0 where there is none
    };

    std::vector<Point> points;
    std::vector<Neighbours> neighbours;  // those along the first axis of all vertices, along the second, ...

    explicit Lattice(std::size_t number) {
        points.reserve(number);
        std::uint64_t power = 1, sum = 0;
        for (std::uint64_t& factor : factors) sum += factor = power *= 0x9E3779B97F4A7C15u;
        for (int axis = 0; axis < CORNERS; ++axis) steps[axis] = sum - CORNERS * factors[axis];
        // so that the blur along all axes, of standard deviation sqrt(2 / 3) (D + 1), has 1 in the features
        for (int j = 0; j < D; ++j) scale[j] = CORNERS * std::sqrt(2.0 / 3 / ((j + 1) * (j + 2)));
    }

    std::size_t size() const { return numbering.keys.size(); }

    // Add a point: the corners of the simplex around it, and its barycentric coordinates.
    void add(const float (&feature)[D]) {
        float rest[CORNERS];
        int axes[CORNERS];
        std::uint64_t key = locate(feature, rest, axes);
        Point point;
        for (int corner = 0; corner < CORNERS; ++corner) {
            if (corner) key += steps[axes[CORNERS - corner]];
            // also if the pixel before has the same corner: to ask costs more than to look
            point.vertex[corner] = numbering.find_or_add(key);
            point.weight[corner] = rest[D - corner] - (corner ? rest[CORNERS - corner] : rest[0] - 1);
        }
        points.push_back(point);
    }

    // Call once, when all points are there.
    void connect() {
        neighbours.assign(CORNERS * size(), {0, 0});
        for (int axis = 0; axis < CORNERS; ++axis) {
            Neighbours* const along = &neighbours[axis * size()];
            for (std::uint32_t v = 1; v < size(); ++v) {
                const std::uint32_t next = numbering.find(numbering.keys[v] + steps[axis]);
                along[v].next = next;
                if (next) along[next].previous = v;
            }
        }
    }

private:
    Numbering numbering;
    std::uint64_t factors[CORNERS], steps[CORNERS];
    float scale[D];

    // Return the key of the corner of remainder 0; `rest` is how far the point lies from it along `axes`, descending,
    // in units of D + 1.
    std::uint64_t locate(const float* feature, float* rest, int* axes) const {
        float elevated[CORNERS], sum = 0;
        for (int j = D; j > 0; --j) {
            const float scaled = feature[j - 1] * scale[j - 1];
            elevated[j] = (sum - j * scaled) / CORNERS;
            sum += scaled;
        }
        elevated[0] = sum / CORNERS;
        int nearest[CORNERS], rank[CORNERS] = {}, excess = 0;
        for (int i = 0; i < CORNERS; ++i) {
            nearest[i] = int(elevated[i] + 0.5f);
            nearest[i] -= nearest[i] > elevated[i] + 0.5f;  // int rounds towards 0
            elevated[i] -= nearest[i];
            excess += nearest[i];
            for (int j = 0; j < i; ++j) {
                const int is_less = elevated[j] < elevated[i];
                rank[j] += is_less;
                rank[i] += 1 - is_less;
            }
        }
        std::uint64_t key = 0;
        for (int i = 0; i < CORNERS; ++i) {  // whole coordinates must sum to 0: those farthest from theirs give way
            rank[i] += excess;
            const int move = (rank[i] < 0) - (rank[i] >= CORNERS);
            rank[i] += move * CORNERS;
            key += std::uint64_t(std::int64_t(nearest[i] + move) * CORNERS) * factors[i];
            rest[rank[i]] = elevated[i] - move;
            axes[rank[i]] = i;
        }
        return key;
    }
};

// Values at the vertices of a lattice, some quads of channels each: pixels send, all is blurred, then they receive.
// QUADS is their number, or 0 where it is not known before.
template <int D, int QUADS>
class Messages {
public:
    Messages(const Lattice<D>& lattice, int quads)
        : lattice(lattice), quads(quads), sent(lattice.size() * quads), ready(sent) {}

    void send(std::size_t pixel, const Quad* from) {
        const typename Lattice<D>::Point& point = lattice.points[pixel];
        for (int corner = 0; corner <= D; ++corner) {
            Quad* const to = at(sent, point.vertex[corner]);
            for (int q = 0; q < number(); ++q) to[q] += point.weight[corner] * from[q];
        }
    }

    // In turns of a quad, whose sum stays in a register.
    void receive(std::size_t pixel, Quad* to) const {
        const typename Lattice<D>::Point& point = lattice.points[pixel];
        for (int q = 0; q < number(); ++q) {
            Quad sum = to[q];
            for (int corner = 0; corner <= D; ++corner) sum += point.weight[corner] * at(ready, point.vertex[corner])[q];
            to[q] = sum;
        }
    }

    // Convolve what was sent with [1/2 1 1/2] along each axis; places that are no vertices count as 0.
    void blur() {
        for (int axis = 0; axis <= D; ++axis) {
            const typename Lattice<D>::Neighbours* const along = &lattice.neighbours[axis * lattice.size()];
            for (std::uint32_t v = 1; v < lattice.size(); ++v) {
                const Quad *middle = at(sent, v), *a = at(sent, along[v].previous), *b = at(sent, along[v].next);
                Quad* const to = at(ready, v);
                for (int q = 0; q < number(); ++q) to[q] = middle[q] + 0.5f * (a[q] + b[q]);
            }
            sent.swap(ready);
        }
        sent.swap(ready);
        std::fill(sent.begin(), sent.end(), Quad{});
    }

private:
    const Lattice<D>& lattice;
    const int quads;
    std::vector<Quad> sent, ready;

    int number() const { return QUADS ? QUADS : quads; }
    Quad* at(std::vector<Quad>& values, std::size_t vertex) { return values.data() + vertex * number(); }
    const Quad* at(const std::vector<Quad>& values, std::size_t v) const { return values.data() + v * number(); }
};

// Turn the weights of points into those of the filter `weight` D^-1/2 K D^-1/2, where K is the lattice's and D = K 1.
template <int D>
void normalise(Lattice<D>& lattice, float weight) {
    Messages<D, 1> messages(lattice, 1);
    const Quad ones = {1, 1, 1, 1};
    for (std::size_t n = 0; n < lattice.points.size(); ++n) messages.send(n, &ones);
    messages.blur();
    for (std::size_t n = 0; n < lattice.points.size(); ++n) {
        Quad sum = {};
        messages.receive(n, &sum);
        for (float& w : lattice.points[n].weight) w *= std::sqrt(weight / (sum[0] + 1e-20f));
    }
}

// Replace the energies (maps, labels, pixels) by probabilities.
template <int QUADS>
void infer(const Lattice<2>& smoothness, const Lattice<5>& appearance, float* values, int maps, int labels, int steps) {
    const std::size_t pixels = smoothness.points.size();
    const int channels = maps * labels, quads = QUADS ? QUADS : (channels + 3) / 4;
    Messages<2, QUADS> smooth(smoothness, quads);
    Messages<5, QUADS> alike(appearance, quads);
    std::vector<Quad> by_pixel(BLOCK * quads), by_label(channels * BLOCK / 4);
    float* const pixel_major = reinterpret_cast<float*>(by_pixel.data());
    float* const label_major = reinterpret_cast<float*>(by_label.data());
    for (int step = 0;; ++step) {  // in the first nothing is received, in the last nothing is sent
        for (std::size_t start = 0; start < pixels; start += BLOCK) {
            const int count = int(std::min<std::size_t>(BLOCK, pixels - start));
            std::fill(by_pixel.begin(), by_pixel.end(), Quad{});
            for (int n = 0; n < count; ++n) {
                smooth.receive(start + n, &by_pixel[n * quads]);
                alike.receive(start + n, &by_pixel[n * quads]);
            }
            for (int c = 0; c < channels; ++c)
                for (int n = 0; n < count; ++n)
                    label_major[c * BLOCK + n] = pixel_major[n * quads * 4 + c] - values[c * pixels + start + n];
            for (int map = 0; map < maps; ++map) softmax(&by_label[map * labels * BLOCK / 4], labels);
            for (int c = 0; c < channels; ++c)
                for (int n = 0; n < count; ++n)
                    (step < steps ? pixel_major[n * quads * 4 + c] : values[c * pixels + start + n]) =
                        label_major[c * BLOCK + n];
            for (int n = 0; n < count && step < steps; ++n) {
                smooth.send(start + n, &by_pixel[n * quads]);
                alike.send(start + n, &by_pixel[n * quads]);
            }
        }
        if (step == steps) return;
        smooth.blur();
        alike.blur();
    }
}

}  // namespace

// Replace the energies `values` (maps, labels, height, width) by the probabilities after some steps of mean field.
// rgb: (height, width, 3). Returns 0, 1 if a standard deviation is too small, or 2 if there is not enough memory.
extern "C" int crf_mean_field(const std::uint8_t* rgb, float* values, int height, int width, int maps, int labels,
                              int steps, float smooth_sxy, float smooth_weight, float alike_sxy, float alike_srgb,
                              float alike_weight) {
    const float side = float(std::max(height, width)), limit = LARGEST_FEATURE;
    if (side / smooth_sxy > limit || side / alike_sxy > limit || 255 / alike_srgb > limit) return 1;
    try {
        const std::size_t pixels = std::size_t(height) * width;
        Lattice<2> smoothness(pixels);
        Lattice<5> appearance(pixels);
        for (int row = 0; row < height; ++row) {
            for (int column = 0; column < width; ++column, rgb += 3) {
                const float x = float(column), y = float(row), s = alike_srgb;
                smoothness.add({x / smooth_sxy, y / smooth_sxy});
                appearance.add({x / alike_sxy, y / alike_sxy, rgb[0] / s, rgb[1] / s, rgb[2] / s});
            }
        }
        smoothness.connect();
        appearance.connect();
        normalise(smoothness, smooth_weight);
        normalise(appearance, alike_weight);
        const int together = std::max(1, MOST_CHANNELS / labels);
        for (int first = 0; first < maps; first += together) {
            const int number = std::min(together, maps - first), quads = (number * labels + 3) / 4;
            const auto run = quads == 1 ? infer<1> : quads == 2 ? infer<2> : quads == 3 ? infer<3> : infer<0>;
            run(smoothness, appearance, values + std::size_t(first) * labels * pixels, number, labels, steps);
        }
        return 0;
    } catch (const std::bad_alloc&) {
        return 2;
    }
}

// Return the digest of this file, which the build gives.
extern "C" const char* crf_kernel_source() { return SOURCE_SHA256; }
