"""What segmenters of other projects call the logits of an image in their dumps."""

# (1, C, h, w) of all classes, background first, in the dicts of AFA, ToCo, SeCo, DuPL, MoRe, ExCEL and WeCLIP; where a
# file has several, those of several scales count
LOGITS = ("msc_segs", "msc_seg", "segs")
