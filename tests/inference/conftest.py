from hypothesis import settings

# A law is not less true on a busy machine.
settings.register_profile("unhurried", deadline=None, max_examples=60)
settings.load_profile("unhurried")
