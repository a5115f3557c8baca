"""``python -m wtemlp``."""

from wtemlp.cli import main

if __name__ == "__main__":
    main()
