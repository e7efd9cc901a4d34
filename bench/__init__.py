"""Measurements of a whole node, next to what the machine itself can do, and next to its peers.

`make bench` runs them. Figures of different runs are not comparable: machines differ and change their mood. So every
figure stands beside a floor that was measured in the same run, and goals are ratios to it where that makes sense.
"""
