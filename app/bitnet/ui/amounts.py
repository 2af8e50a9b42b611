"""How the page says amounts: bytes, durations and days."""

from __future__ import annotations


def size(n_bytes: float) -> str:
    """Such as "36 kB", "7.5 MB", "480 MB" and "1.19 GB"."""
    if 0 < n_bytes < 95e3:
        return f"{n_bytes / 1e3:.0f} kB"
    if n_bytes >= 999.5e6:
        return f"{n_bytes / 1e9:.2f} GB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 99.95e6 else f"{n_bytes / 1e6:.1f} MB"


def share(received_bytes: int, total_bytes: int | None) -> str:
    """Such as "480 MB of 1.19 GB"."""
    return f"{size(received_bytes)} of {size(total_bytes)}" if total_bytes else size(received_bytes)


def duration(seconds: float) -> str:
    """Such as "45 s", "12 min" and "1 h 5 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def days_ago(then_s: float, now_s: float) -> str:
    """Such as "today", "yesterday" and "12 days ago", by periods of 24 hours."""
    days = int((now_s - then_s) // 86_400)
    if days <= 0:
        return "today"
    return "yesterday" if days == 1 else f"{days} days ago"
