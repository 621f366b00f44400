def test_a(finished):
    print(finished.folder)
