"""Run the tests in a random order, so that what they leave behind for each other shows.

python .ci/shuffled.py SEED
"""

import random
import sys
import unittest

sys.path.insert(0, "")


def flattened(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flattened(test)
        else:
            yield test


if __name__ == "__main__":  # processes of a pool import this file too
    tests = list(flattened(unittest.defaultTestLoader.loadTestsFromName("test_asyncz")))
    random.Random(int(sys.argv[1])).shuffle(tests)
    result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))
    sys.exit(not result.wasSuccessful())
