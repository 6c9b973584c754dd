"""Images recovered from noise or from real images; RDED's crops."""
