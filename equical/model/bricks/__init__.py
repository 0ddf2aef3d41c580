"""The bricks that several generations of the network are built from, one file each: plain mathematics."""
