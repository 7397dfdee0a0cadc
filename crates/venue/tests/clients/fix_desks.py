"""The configuration of a venue with two desks that speak FIX."""

import os

KEYS = """
[[key]]
api_key = "{name}"
account = {account}
permissions = ["read", "trade"]
secret = "the secret of {name}"
"""


def configure(folder):
    """Two desks whose numbers go on from connection to connection."""
    keys, config = (os.path.join(folder, name) for name in ("keys.toml", "venue.toml"))
    with open(keys, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(KEYS.format(name="one", account=1) + KEYS.format(name="two", account=2))
    with open(config, "w") as file:
        file.write(f'[keys]\nfile = "{keys}"\n[fix]\naddress = "127.0.0.1:0"\nsessions = [')
        file.write('{ comp_id = "ONE", api_key = "one" }, { comp_id = "TWO", api_key = "two" }]\n')
    return config
