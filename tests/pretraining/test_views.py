"""Views are fixed: by seed, picture and number, whatever else there is."""

import numpy as np
import pytest

from pretraining import views


def test_a_view_depends_on_seed_picture_and_number_alone():
    few, many = views.of(10, 7, 1), views.of(1000, 7, 1)
    np.testing.assert_array_equal(few.boxes, many.boxes[:10])
    np.testing.assert_array_equal(few.flips, many.flips[:10])
    for other in (views.of(10, 8, 1), views.of(10, 7, 2)):
        assert not np.allclose(few.boxes, other.boxes)


@pytest.mark.parametrize(("view", "least"), [(0, 0.7), (1, 0.25), (5, 0.25)])
def test_boxes_lie_inside_and_have_the_area_of_their_view(view, least):
    boxes = views.of(5000, 0, view).boxes
    assert (boxes >= 0).all()
    assert (boxes <= 1 + 1e-6).all()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    # A crop as long as the picture is cut where its aspect would carry it outside.
    assert areas.min() > least * 0.75
    assert areas.min() < least + 0.1
    assert areas.max() > 0.9


def test_half_of_the_pictures_are_mirrored():
    assert views.of(5000, 0, 0).flips.mean() == pytest.approx(0.5, abs=0.03)


def test_the_whole_picture_at_its_own_size_is_itself():
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    box = views.whole(1).boxes[0]
    np.testing.assert_array_equal(views.render(picture, box, False, 24), picture)
    np.testing.assert_array_equal(views.render(picture, box, True, 24), picture[:, ::-1])


def test_a_box_is_cut_out_where_it_says():
    picture = np.zeros((40, 80, 3), np.uint8)
    # Below the middle, at the right; enlarging looks a pixel over the border.
    picture[19:31, 59:] = 255
    box = np.array([0.75, 0.5, 1.0, 0.75], np.float32)
    assert (views.render(picture, box, False, 16) == 255).all()


def test_a_shifted_box_keeps_its_size_and_stays_inside():
    box = np.array([0.1, 0.5, 0.5, 1.0], np.float32)
    np.testing.assert_allclose(views.shifted(box, np.array([0.1, -0.2])), [0.14, 0.4, 0.54, 0.9])
    np.testing.assert_allclose(views.shifted(box, np.array([-1.0, 1.0])), [0, 0.5, 0.4, 1.0])
