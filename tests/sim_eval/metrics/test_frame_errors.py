import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sim_eval.metrics.images import PSNR_CEILING_DB, frame_errors


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    recorded = generator.integers(0, 256, (3, 32, 40, 3), dtype=np.uint8)
    noise = generator.integers(-20, 21, recorded.shape)
    return np.clip(recorded + noise, 0, 255).astype(np.uint8), recorded


def test_whole_frames_as_scikit_image_has_them(pair):
    predicted, recorded = pair
    errors = frame_errors(predicted, recorded)
    for index in range(3):
        assert errors.psnr_db[index] == pytest.approx(peak_signal_noise_ratio(recorded[index], predicted[index]))
        _, similarity = structural_similarity(recorded[index], predicted[index], channel_axis=-1, full=True)
        assert errors.ssim[index] == pytest.approx(similarity.mean())


def test_identical_frames_stay_finite(pair):
    _, recorded = pair
    errors = frame_errors(recorded, recorded)
    assert (errors.mse == 0).all()
    np.testing.assert_allclose(errors.psnr_db, PSNR_CEILING_DB)
    np.testing.assert_allclose(errors.ssim, 1)


def test_blank_regions_do_not_flatter(pair):
    predicted, recorded = (frames.copy() for frames in pair)
    shown = np.zeros((32, 40), dtype=bool)
    shown[:, 20:] = True
    clean = frame_errors(predicted[:, :, 20:], recorded[:, :, 20:])
    predicted[:, :, :20] = recorded[:, :, :20] = 0
    masked = frame_errors(predicted, recorded, shown)
    np.testing.assert_allclose(masked.psnr_db, clean.psnr_db)
    assert (frame_errors(predicted, recorded).psnr_db > masked.psnr_db + 2).all()


def test_what_cannot_be_compared_is_refused(pair):
    predicted, recorded = pair
    with pytest.raises(ValueError, match="cannot be compared"):
        frame_errors(predicted[:2], recorded)
    with pytest.raises(ValueError, match="at least one pixel"):
        frame_errors(predicted, recorded, np.zeros((32, 40), dtype=bool))
