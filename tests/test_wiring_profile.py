"""A profile that is whole but does not hang together is told as a bad profile, not as a crash."""

import dataclasses

import pytest

from agent.assembly import build_pipeline
from agent.intake import Clocks
from agent.profile import read_profile, write_profile
from agent.sampling import HashSampler
from agent.supervisor import KnownError
from agent.worker import known_errors
from config import load_settings
from tests.small import small_profile, small_settings


@pytest.mark.parametrize("change", ["missing", "shape", "layers"])
def test_arrays_that_do_not_belong_together(tmp_path, change):
    profile = read_profile(small_profile())
    arrays = dict(profile.references["prompt"])
    if change == "missing":
        del arrays["maps"]
    elif change == "shape":
        arrays["radii"] = arrays["radii"][..., :-1]
    else:
        arrays |= {name: arrays[name][1:] for name in ("prototypes", "scales", "radii", "counts", "maps")}
    path = tmp_path / "odd.offmap"
    write_profile(path, dataclasses.replace(profile, references={"prompt": arrays}))
    settings = load_settings(None, small_settings())
    with pytest.raises(KnownError, match=r"the prompt reference does not fit: .*; fit it anew"), known_errors():
        build(settings, read_profile(path))


def build(settings, profile):
    return build_pipeline(settings, profile, Clocks(), HashSampler())


def test_the_small_profile_fits():
    build(load_settings(None, small_settings()), read_profile(small_profile()))
