"""Base assets: known names with a price in US dollars each, then names made up for the rest."""

from collections.abc import Iterator
from itertools import product

PRICES: dict[str, float] = {
    "BTC": 63528.4, "ETH": 2611.37, "SOL": 148.92, "XRP": 0.5871, "DOGE": 0.1066, "BNB": 573.2,
    "ADA": 0.3561, "AVAX": 27.41, "SUI": 1.7312, "LINK": 11.284, "1000PEPE": 0.009571,
    "HYPE": 31.77, "龙虾": 0.0214, "LTC": 65.31, "DOT": 4.213, "BCH": 322.9, "TRX": 0.1551,
    "TON": 5.271, "NEAR": 4.871, "APT": 8.214, "ARB": 0.5513, "OP": 1.6124, "ATOM": 4.512,
    "FIL": 3.714, "ETC": 18.71, "UNI": 6.914, "AAVE": 151.2, "INJ": 20.51, "TIA": 5.213,
    "SEI": 0.4213, "1000BONK": 0.02231, "牛来": 0.00713, "WLD": 1.713, "ENA": 0.3417,
    "ONDO": 0.7121, "JUP": 0.8013, "ORDI": 34.12, "1000SATS": 0.0002713, "STX": 1.713,
    "RUNE": 5.013, "IMX": 1.513, "GALA": 0.02213, "SAND": 0.2613, "MANA": 0.2913,
    "APE": 0.7713, "CRV": 0.2613, "MKR": 1413.0, "LDO": 1.113, "SNX": 1.413, "COMP": 45.1,
    "ZEC": 35.12, "DASH": 24.13, "XLM": 0.0931, "XMR": 154.3, "EOS": 0.4913, "ALGO": 0.1251,
    "VET": 0.02213, "ICP": 8.013, "HBAR": 0.0521, "GRT": 0.1513, "FTM": 0.6613, "AXS": 4.813,
    "CHZ": 0.06513, "MASK": 2.413, "GMX": 22.13, "DYDX": 0.9413, "BLUR": 0.2213, "PENDLE": 4.713,
    "哈基米": 0.00181, "1000RATS": 0.0831, "BOME": 0.00731, "WIF": 2.313, "TAO": 571.3,
    "FET": 1.413, "RENDER": 5.313, "AR": 18.71, "KAS": 0.1413, "MEME": 0.01013, "NOT": 0.00771,
    "STRK": 0.3913, "ZRO": 4.013, "EIGEN": 3.313, "DOGS": 0.000713, "CATI": 0.4513,
    "NKN": 0.0713, "KNC": 0.4413, "ZIL": 0.01413, "ONE": 0.01313, "ENJ": 0.1513, "BAT": 0.1713,
    "ZRX": 0.3213, "SUSHI": 0.7113, "YFI": 5113.0, "KSM": 19.13, "QTUM": 2.513, "ONT": 0.2113,
    "IOTA": 0.1213, "NEO": 10.13, "THETA": 1.313, "ROSE": 0.07013, "币安人生": 0.1413,
    "TSLA": 251.3, "NVDA": 121.4, "AAPL": 226.1, "XAU": 2651.3, "XAG": 31.13, "SPY": 571.2,
}  # fmt: skip

# Contracts that HTX still lists in its open interest but no longer in its contracts (facts 2.7).
DEAD = (
    "CVX", "LUNA", "FTT", "SRM", "HT", "REN", "BTT", "HNT", "WAVES", "ANC", "TRIBE", "OCEAN",
    "AGIX", "MATIC", "REEF", "UNFI", "STMX", "KLAY", "BAKE", "LINA",
)  # fmt: skip


def bases() -> Iterator[str]:
    """Yield base assets without end and without repeating one, the largest markets first."""
    yield from PRICES
    used = {*PRICES, *DEAD}
    # Consonant and vowel in turn gives names that are read easily in a table or a log.
    parts = [a + b for a, b in product("BCDFGKLMNPRSTVZ", "AEIOU")]
    for size in range(2, 5):
        for letters in product(parts, repeat=size):
            name = "".join(reversed(letters))
            if name not in used:
                yield name
