"""Images recovered from noise or real ones; RDED's crops."""
