"""What several tests of this room use."""

from rdc_kit.augment.views import plain_view


def inputs_of(images):
    return plain_view(images.images, images.traits)
