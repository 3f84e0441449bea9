//! Wiring of `privet run`: what starts in which order, and how it drains.
