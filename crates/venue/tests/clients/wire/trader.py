"""What every client trades: a random flow of orders, cancels and changes, a window of them under way."""

import random

# 10^-8, the unit of prices and quantities.
UNIT = 100_000_000
MIDDLE, LOT = 60_000 * UNIT, UNIT // 1_000


class Trader:
    """Says what to ask for next, and keeps the orders that it was told are open."""

    def __init__(self, name, seed, requests, window=24):
        self.name, self.random = name, random.Random(seed)
        self.requests, self.window = requests, window
        # What is open: the venue's name for it -> (side, price, open quantity), in units.
        self.open = {}
        self.logons = 0

    def told_open(self):
        """What is open, when all has come."""
        return self.open

    def choose(self):
        """("new", side, price, qty, keep), ("cancel", which), ("shrink", which, qty) or ("replace", ...)."""
        chance = self.random.random()
        if self.open and chance < 0.45:
            which = self.random.choice(list(self.open))
            side, price, qty = self.open[which]
            if chance < 0.25:
                return ("cancel", which)
            if chance < 0.35 and qty > 2 * LOT:
                return ("shrink", which, max(LOT, qty // 2 // LOT * LOT))
            return ("replace", which, side, price + self.random.randint(-2, 2) * UNIT, qty + LOT)
        side = self.random.choice("BS")
        # Around the middle, so that about one in four trades.
        away = self.random.randint(-2, 12) * UNIT
        price = MIDDLE - away if side == "B" else MIDDLE + away
        return ("new", side, price, self.random.randint(1, 40) * LOT, self.random.random() < 0.8)
