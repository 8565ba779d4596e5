from study.seeding import derive


def test_a_derived_seed_is_the_one_that_was_pinned() -> None:
    assert derive(0, "rgb", "epoch", 3) == 2625845201104969606


def test_every_word_changes_the_seed() -> None:
    seeds = [derive(0, "rgb"), derive(1, "rgb"), derive(0, "sender"), derive(0, "rgb", 1), derive(0, 0, "rgb")]
    assert len(set(seeds)) == len(seeds)


def test_a_seed_fits_where_torch_and_numpy_take_one() -> None:
    assert all(0 <= derive(seed, "x") < 2**63 for seed in range(100))
