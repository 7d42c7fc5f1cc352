"""What a drift setting would do: false alarms in a month, and how small a drift it would still see."""
