"""Splits: sizes, leakage, and what they promise for any corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.corpus import Clip, Corpus, Fold, open_corpus
from asc.corpus.leakage import PARTS, Origins, Split
from asc.corpus.splits import SHARES, make_splits, split_notes, split_on_demand
from asc.errors import UsageError

SCENES = (
    "beach bus cafe/restaurant car city_center forest_path grocery_store home"
    " library metro_station office park residential_area train tram"
).split()
CLIPS = 312


def corpus_of(
    clips: list[Clip], folds: dict[str, Fold] | None = None, known: bool = True
) -> Corpus:
    if not known:
        clips = [Clip(clip.path, clip.scene, clip.path) for clip in clips]
    return Corpus(
        root=Path("nowhere"),
        name="made",
        format="table",
        clips=tuple(sorted(clips)),
        folds=folds or {},
    )


def tut_clips() -> list[Clip]:
    """Return 15 scenes of 312 clips in recordings of 6 to 30, as in TUT 2017."""
    rng = np.random.default_rng(31)
    clips, recording = [], 0
    for scene in SCENES:
        left = CLIPS
        while left:
            size = int(rng.choice(np.arange(6, 31, 3)))
            if left - size < 6:  # the rest would be too short for a recording
                size = left if left <= 30 else 15
            recording += 1
            name = f"r{recording:03}"
            clips += [
                Clip(f"audio/{name}_{number}0_{number + 1}0.wav", scene, name)
                for number in range(size)
            ]
            left -= size
    return clips


def tut_folds(clips: list[Clip]) -> dict[str, Fold]:
    """Return four folds; one recording is tested in two of them, one in none."""
    homes = sorted({clip.recording for clip in clips if clip.scene == "home"})
    twice, never = homes[:2]
    fold_of = {
        recording: number % 4 + 1
        for number, recording in enumerate(sorted({clip.recording for clip in clips}))
    }
    fold_of[twice] = 3
    folds = {}
    for number in range(1, 5):
        tested = {name for name, fold in fold_of.items() if fold == number} - {never}
        if number == 4:
            tested.add(twice)
        folds[f"fold{number}"] = Fold(
            train=tuple(sorted(c.path for c in clips if c.recording not in tested)),
            test=tuple(sorted(c.path for c in clips if c.recording in tested)),
        )
    return folds


@pytest.fixture(scope="module")
def tut() -> Corpus:
    clips = tut_clips()
    return corpus_of(clips, tut_folds(clips))


@pytest.fixture(scope="module")
def splits(tut):
    return make_splits(tut)


def rows(split, *parts: str) -> list[int]:
    return [int(row) for part in parts or PARTS for row in split.part(part)]


def recordings(corpus: Corpus, split, *parts: str) -> set[str]:
    return {corpus.clips[row].recording for row in rows(split, *parts)}


def paths(corpus: Corpus, split, part: str) -> tuple[str, ...]:
    return tuple(corpus.clips[row].path for row in split.part(part))


def counts(corpus: Corpus, split, part: str) -> Counter:
    return Counter(corpus.clips[row].scene for row in split.part(part))


# A corpus like TUT 2017


def test_the_made_corpus_is_like_tut(tut):
    assert len(tut.clips) == 4680
    assert Counter(clip.scene for clip in tut.clips) == dict.fromkeys(SCENES, CLIPS)
    sizes = Counter(clip.recording for clip in tut.clips).values()
    assert all(6 <= size <= 30 and size % 3 == 0 for size in sizes)


def test_random_has_the_documented_sizes(tut, splits):
    split = splits["random"]
    assert [len(split.part(part)) for part in PARTS] == [3276, 702, 702]
    for part in ("validation", "test"):
        assert set(counts(tut, split, part).values()) <= {46, 47}
    assert set(counts(tut, split, "train").values()) <= {218, 219, 220}


def test_recording_comes_near_the_shares(tut, splits):
    for part, share in zip(("validation", "test"), SHARES, strict=True):
        for count in counts(tut, splits["recording"], part).values():
            assert count == pytest.approx(share * CLIPS, abs=6)


def test_random_leaks_and_the_others_do_not(tut, splits):
    assert splits["random"].leakage > 0.95
    assert {name for name, split in splits.items() if split.leakage == 0.0} == {
        "recording",
        "fold1",
        "fold2",
        "fold3",
        "fold4",
    }


def test_official_test_lists_are_kept(tut, splits):
    for name, fold in tut.folds.items():
        assert paths(tut, splits[name], "test") == fold.test
        learned = rows(splits[name], "train", "validation")
        assert {tut.clips[row].path for row in learned} == set(fold.train)


def test_a_recording_tested_twice_and_one_never_tested(tut, splits):
    folds = [name for name in splits if name.startswith("fold")]
    tested = Counter(
        recording
        for name in folds
        for recording in recordings(tut, splits[name], "test")
    )
    assert [name for name, count in tested.items() if count == 2] == [
        next(clip.recording for clip in tut.clips if clip.scene == "home")
    ]
    (never,) = set(tut.recordings) - set(tested)
    for name in folds:
        assert never in recordings(tut, splits[name], "train", "validation")


def test_validation_of_folds_is_balanced(tut, splits):
    for name in tut.folds:
        validation = counts(tut, splits[name], "validation")
        training = counts(tut, splits[name], "train") + validation
        for scene in SCENES:
            share = validation[scene] / training[scene]
            assert share == pytest.approx(SHARES[0], abs=0.03)


def test_the_same_again(tut, splits):
    for name, split in make_splits(tut).items():
        for part in PARTS:
            np.testing.assert_array_equal(split.part(part), splits[name].part(part))
            assert split.part(part).dtype == np.int32


def test_parts_are_ascending(splits):
    for split in splits.values():
        for part in PARTS:
            assert np.all(np.diff(split.part(part)) > 0)


def test_order_of_the_metadata_changes_nothing(tmp_path):
    """Order of rows and of lists, from the files on."""
    clips = tut_clips()[::12]
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        root = tmp_path / str(seed)
        (root / "evaluation_setup").mkdir(parents=True)
        shuffled = [clips[index] for index in rng.permutation(len(clips))]
        (root / "meta.txt").write_text(
            "".join(f"{c.path}\t{c.scene}\t{c.recording}\n" for c in shuffled)
        )
        (root / "evaluation_setup" / "fold1_test.txt").write_text(
            "".join(f"{c.path}\n" for c in shuffled if c.recording < "r099")
        )
        corpus = open_corpus(root)
        found.append(
            {
                (name, part): paths(corpus, split, part)
                for name, split in make_splits(corpus).items()
                for part in PARTS
            }
        )
    assert ("fold1", "test") in found[0]
    assert found[0] == found[1] == found[2]


# Small corpora


def test_a_scene_with_one_clip_goes_to_train():
    clips = [Clip(f"{scene}.wav", scene, f"r {scene}") for scene in SCENES]
    for split in make_splits(corpus_of(clips)).values():
        assert [len(split.part(part)) for part in PARTS] == [15, 0, 0]
        assert split.leakage == 0.0


def test_a_scene_with_one_recording_goes_to_train():
    clips = [Clip(f"a{n}.wav", "a", "only") for n in range(20)]
    clips += [Clip(f"b{n}.wav", "b", f"r{n % 5}") for n in range(20)]
    fold = Fold(train=tuple(clip.path for clip in clips[:30]), test=("b19.wav",))
    corpus = corpus_of(clips, {"fold1": fold})
    splits = make_splits(corpus)
    for name in ("recording", "fold1"):
        assert counts(corpus, splits[name], "train")["a"] == 20
        assert counts(corpus, splits[name], "validation")["b"] > 0


def test_three_recordings_are_shared_among_three_parts():
    """However unequal they are."""
    clips = [Clip(f"{n}.wav", "a", f"r{max(0, n - 97)}") for n in range(100)]
    corpus = corpus_of(clips)
    split = make_splits(corpus)["recording"]
    assert [len(split.part(part)) for part in PARTS] == [98, 1, 1]


def test_scenes_of_unequal_size_keep_their_share():
    """Many small scenes do not make a large one give up more than its share."""
    clips = [Clip(f"{n}-{k}.wav", f"s{n}", "r") for n in range(100) for k in range(3)]
    clips += [Clip(f"big{n}.wav", "big", "r") for n in range(1000)]
    corpus = corpus_of(clips)
    split = make_splits(corpus)["random"]
    for part in ("validation", "test"):
        assert len(split.part(part)) == 195
        assert counts(corpus, split, part)["big"] == 150


def test_of_two_clips_one_stays_in_train():
    clips = [Clip(f"{n}-{k}.wav", f"s{n}", "r") for n in range(100) for k in range(2)]
    corpus = corpus_of(clips)
    split = make_splits(corpus)["random"]
    assert [len(split.part(part)) for part in PARTS] == [140, 30, 30]
    assert len(counts(corpus, split, "train")) == 100


def test_stored_splits_can_be_made_again():
    """Frozen: another seed or another way of drawing would be another split."""
    clips = [Clip(f"{n:02}.wav", "ab"[n // 2 % 2], f"r{n // 2}") for n in range(40)]
    splits = make_splits(corpus_of(clips))
    assert splits["random"].test.tolist() == [4, 7, 8, 23, 28, 30]
    assert splits["recording"].test.tolist() == [2, 3, 20, 21]


def test_without_recordings_leakage_is_unknown():
    clips = [Clip(f"{n}.wav", "ab"[n % 2], f"{n}.wav") for n in range(40)]
    fold = Fold(train=("0.wav", "1.wav", "2.wav", "3.wav"), test=("4.wav",))
    corpus = corpus_of(clips, {"fold1": fold})
    assert not corpus.recordings_known and corpus.without_recording == 40
    splits = make_splits(corpus)
    assert list(splits) == ["random", "fold1"]
    for split in splits.values():
        assert (split.leakage, split.leakage_at_least) == (None, 0.0)
    assert "there is no split recording" in next(split_notes(corpus, splits))


def partly_named() -> Corpus:
    """Return 40 clips in ten recordings; the last eight clips do not name theirs."""
    clips = [Clip(f"{n:02}.wav", "ab"[n // 4 % 2], f"r{n // 4}") for n in range(32)]
    clips += [
        Clip(f"{n:02}.wav", "ab"[n // 4 % 2], f"{n:02}.wav") for n in range(32, 40)
    ]
    return corpus_of(clips)


def test_a_clip_without_a_recording_is_in_no_part_of_split_recording():
    corpus = partly_named()
    splits = make_splits(corpus)
    assert sorted(rows(splits["recording"])) == list(range(32))
    assert splits["recording"].leakage == 0.0
    notes = list(split_notes(corpus, splits))
    assert notes[0].startswith("8 of 40 clips name no recording.")
    for name in ("recording1of2", "recording2of2"):
        split = asked_for(corpus, name)
        assert sorted(rows(split)) == list(range(32)) and split.leakage == 0.0


def test_where_some_recordings_are_unknown_leakage_has_a_bound():
    split = make_splits(partly_named())["random"]
    learned = {row // 4 for row in split.train if row < 32}
    seen = sum(row < 32 and row // 4 in learned for row in split.test)
    assert 0 < seen < len(split.test)  # row 32 or later is tested, too
    assert split.leakage is None
    assert split.leakage_at_least == pytest.approx(seen / len(split.test))
    assert split.adjacent is None


def test_parts_that_are_empty_or_lack_scenes_are_noted():
    """Two recordings of a scene make train and test, and nothing to validate on."""
    clips = [Clip(f"{s}{n}.wav", s, f"{s}{n // 2}") for s in "ab" for n in range(4)]
    corpus = corpus_of([*clips, Clip("c.wav", "c", "c")])
    notes = list(split_notes(corpus, make_splits(corpus)))
    assert notes == [
        "Split without a validation part, for too few clips or recordings of a scene:"
        " recording. To train on one, use --monitor loss.",
        "Part test of split recording has no clips of c: there are too few recordings.",
    ]


def test_what_official_lists_leak_is_told_and_not_validated_on():
    clips = [Clip(f"{n:02}.wav", "a", f"r{n // 4}") for n in range(24)]
    everything = [clip.path for clip in clips]
    fold = Fold(train=tuple(everything[2:]), test=tuple(everything[:4]))
    corpus = corpus_of(clips, {"fold1": fold})
    split = make_splits(corpus)["fold1"]
    assert paths(corpus, split, "test") == fold.test  # also what train lists
    assert not recordings(corpus, split, "validation") & {"r0"}
    assert split.leakage == 0.0

    fold = Fold(train=tuple(everything[2:]), test=("00.wav", "01.wav"))
    split = make_splits(corpus_of(clips, {"fold1": fold}))["fold1"]
    assert {2, 3} <= set(split.train.tolist())
    assert split.leakage == 1.0


def test_a_fold_that_only_leaks_validates_on_nothing():
    clips = [Clip(f"{n}.wav", "a", "r") for n in range(4)]
    fold = Fold(train=("0.wav", "1.wav"), test=("2.wav", "3.wav"))
    split = make_splits(corpus_of(clips, {"fold1": fold}))["fold1"]
    assert [split.part(part).tolist() for part in PARTS] == [[0, 1], [], [2, 3]]


def test_names_and_sizes_of_splits(tut, splits):
    assert list(splits) == ["random", "recording", *tut.folds]
    assert [len(splits["random"].part(part)) for part in PARTS] == [3276, 702, 702]


# Any corpus


@st.composite
def corpora(draw, clean: bool = False) -> Corpus:
    """Draw a corpus of a few scenes and recordings with two official folds.

    If clean, a recording has one scene.
    """
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=80
        )
    )
    clips = [
        Clip(f"{n:02}.wav", f"s{scene}", f"s{scene}r{k}" if clean else f"r{k}")
        for n, (scene, k) in enumerate(pairs)
    ]
    folds = {}
    for name in ("fold1", "fold2"):
        places = draw(
            st.lists(
                st.sampled_from(["train", "test", "both", "neither"]),
                min_size=len(clips),
                max_size=len(clips),
            )
        )
        folds[name] = Fold(
            *(
                tuple(
                    clip.path
                    for clip, place in zip(clips, places, strict=True)
                    if place in (part, "both")
                )
                for part in ("train", "test")
            )
        )
    return corpus_of(clips, folds, known=draw(st.booleans()))


any_corpus = settings(max_examples=100, deadline=None, derandomize=True, database=None)


@any_corpus
@given(corpora())
def test_any_parts_are_disjoint_and_in_range(corpus):
    splits = make_splits(corpus)
    known = ["recording"] if corpus.recordings_known else []
    assert set(splits) == {"random", *known, *corpus.folds}
    for name, split in splits.items():
        found = rows(split)
        assert len(found) == len(set(found))
        assert set(found) <= set(range(len(corpus.clips)))
        if name not in corpus.folds:
            assert len(found) == len(corpus.clips)


@any_corpus
@given(corpora())
def test_any_leakage_is_that_of_sets(corpus):
    for split in make_splits(corpus).values():
        if not corpus.recordings_known:
            assert split.leakage is None or not len(split.train)
            continue
        trained = recordings(corpus, split, "train")
        leaked = [corpus.clips[row].recording in trained for row in split.test]
        assert split.leakage == pytest.approx(sum(leaked) / max(1, len(leaked)))


@any_corpus
@given(corpora())
def test_any_random_split_is_stratified(corpus):
    split = make_splits(corpus)["random"]
    sizes = Counter(clip.scene for clip in corpus.clips)
    shared = sum(size for size in sizes.values() if size > 1)
    train = counts(corpus, split, "train")
    assert all(train[scene] for scene in sizes)
    for part, share in zip(("validation", "test"), SHARES, strict=True):
        assert len(split.part(part)) == round(share * shared)
        found = counts(corpus, split, part)
        for scene, size in sizes.items():
            wanted = share * size if size > 1 else 0
            assert abs(found[scene] - wanted) < 1


@any_corpus
@given(corpora())
def test_any_recording_is_in_one_part_of_recording(corpus):
    split = make_splits(corpus).get("recording")
    if split is None:
        assert not corpus.recordings_known
        return
    train, validation, test = (recordings(corpus, split, part) for part in PARTS)
    assert not train & validation and not train & test and not validation & test


@any_corpus
@given(corpora(clean=True))
def test_any_scene_is_in_as_many_parts_as_it_has_recordings(corpus):
    split = make_splits(corpus).get("recording")
    if split is None:
        return
    of_scene = Counter(
        scene for scene, _ in {(c.scene, c.recording) for c in corpus.clips}
    )
    for number, part in enumerate(("train", "test", "validation")):
        has = {scene for scene, count in of_scene.items() if count > number}
        assert set(counts(corpus, split, part)) == has


@any_corpus
@given(corpora())
def test_any_fold_validates_apart_from_train_and_test(corpus):
    splits = make_splits(corpus)
    for name, fold in corpus.folds.items():
        split = splits[name]
        assert paths(corpus, split, "test") == fold.test
        validated = recordings(corpus, split, "validation")
        assert not validated & recordings(corpus, split, "train", "test")
        learned = {corpus.clips[row].path for row in rows(split, "train", "validation")}
        assert learned == set(fold.train) - set(fold.test)


@any_corpus
@given(corpora(), st.randoms(use_true_random=False))
def test_any_split_depends_on_the_clips_alone(corpus, random):
    mixed = list(corpus.clips)
    random.shuffle(mixed)
    again = make_splits(corpus_of(mixed, corpus.folds))
    for name, split in make_splits(corpus).items():
        assert rows(split) == rows(again[name])


# Splits that are made when they are asked for


def asked_for(corpus: Corpus, name: str) -> Split:
    split = split_on_demand(
        name,
        [clip.scene for clip in corpus.clips],
        Origins(
            [clip.recording for clip in corpus.clips],
            [clip.path for clip in corpus.clips],
        ),
    )
    assert split is not None and split.name == name
    return split


def test_cross_validation_of_tut_is_balanced(tut):
    most = Counter()  # clips of the largest recording of a scene
    for (scene, _), size in Counter((c.scene, c.recording) for c in tut.clips).items():
        most[scene] = max(most[scene], size)
    folds = [asked_for(tut, f"recording{k}of5") for k in range(1, 6)]
    for scene in SCENES:
        found = [counts(tut, split, "test")[scene] for split in folds]
        assert sum(found) == CLIPS
        assert max(found) - min(found) <= most[scene]
    sizes = [len(split.test) for split in folds]
    assert max(sizes) - min(sizes) <= max(most.values())
    for split in folds:
        # 15 % of the scene's training clips, to half a recording of 30 clips.
        train, validation = counts(tut, split, "train"), counts(
            tut, split, "validation"
        )
        for scene in SCENES:
            learned = train[scene] + validation[scene]
            assert validation[scene] == pytest.approx(SHARES[0] * learned, abs=15)


def test_cross_validation_by_hand():
    """The largest recordings first, each to the fold with the fewest clips."""
    sizes = {"a1": 5, "a2": 4, "a3": 3, "a4": 2, "b1": 2, "b2": 1}
    clips = [
        Clip(f"{name}-{n}.wav", name[0], name)
        for name, size in sizes.items()
        for n in range(size)
    ]
    corpus = corpus_of(clips)
    tested = [
        recordings(corpus, asked_for(corpus, f"recording{k}of2"), "test")
        for k in (1, 2)
    ]
    # a: 5 | 4, then 3 to the 4, then 2 to the 5. b: all folds have 7 clips.
    assert tested == [{"a1", "a4", "b1"}, {"a2", "a3", "b2"}]


@pytest.mark.parametrize(
    "name",
    ["recording0of2", "recording3of2", "recording1of1", "recording1of7", "random1of9"],
)
def test_folds_that_cannot_be(name):
    clips = [Clip(f"{n}.wav", "a", f"r{n}") for n in range(6)]
    corpus = corpus_of(
        [*clips, Clip("x.wav", "a", "x.wav"), Clip("y.wav", "a", "y.wav")]
    )
    with pytest.raises(UsageError, match="(6|8) (recordings|clips) can make 2 to [68]"):
        asked_for(corpus, name)


@pytest.mark.parametrize("name", ["recording", "recording1of2"])
def test_no_split_by_recordings_that_are_not_known(name):
    corpus = corpus_of([Clip(f"{n}.wav", "a", f"{n}.wav") for n in range(6)])
    with pytest.raises(UsageError, match="names no recordings. Use random, or random1"):
        asked_for(corpus, name)


@pytest.mark.parametrize("name", ["recordings", "recording1of", "Development", "fold1"])
def test_other_names_mean_no_split(name):
    assert split_on_demand(name, ["a"], Origins(["r"], ["a.wav"])) is None


@any_corpus
@given(corpora(), st.integers(2, 5))
def test_any_clip_is_tested_once_in_cross_validation(corpus, count):
    unit = "recording" if corpus.recordings_known else "random"
    if len({clip.recording for clip in corpus.clips}) < count:
        return
    tested = []
    for k in range(1, count + 1):
        split = asked_for(corpus, f"{unit}{k}of{count}")
        tested += split.test.tolist()
        assert sorted(rows(split)) == list(range(len(corpus.clips)))
        train, validation, test = (recordings(corpus, split, part) for part in PARTS)
        assert not train & validation and not train & test and not validation & test
        assert split.leakage == (0.0 if corpus.recordings_known else None)
    assert sorted(tested) == list(range(len(corpus.clips)))


@any_corpus
@given(corpora(), st.randoms(use_true_random=False))
def test_any_split_on_demand_depends_on_the_clips_alone(corpus, random):
    if len({clip.recording for clip in corpus.clips}) < 2:
        return
    mixed = list(corpus.clips)
    random.shuffle(mixed)
    again = corpus_of(mixed)
    unit = "recording" if corpus.recordings_known else "random"
    for name in (f"{unit}1of2", "development"):
        split, other = asked_for(corpus, name), asked_for(again, name)
        for part in PARTS:
            assert paths(corpus, split, part) == paths(again, other, part)


def test_development_tests_nothing_and_validates_by_recording(tut):
    split = asked_for(tut, "development")
    assert len(split.test) == 0 and split.leakage == 0.0
    assert len(rows(split)) == len(tut.clips)
    assert not recordings(tut, split, "train") & recordings(tut, split, "validation")
    assert len(split.validation) == pytest.approx(SHARES[0] * len(tut.clips), abs=60)


def test_a_given_split_without_a_test_part_has_its_own_reason():
    clips = [Clip(f"{s}{n}.wav", s, f"{s}{n}") for s in "ab" for n in range(8)]
    parts = [tuple(clip.path for clip in clips[half::2]) for half in (0, 1)]
    corpus = corpus_of(clips, {"given": Fold(parts[0], (), parts[1])})
    assert list(split_notes(corpus, make_splits(corpus))) == [
        "Split given has no test part: the corpus gives none."
    ]
