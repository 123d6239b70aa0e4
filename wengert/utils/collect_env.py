"""torch.utils.collect_env: re-exports."""

from ..observe.environment import get_pretty_env_info, main

__all__ = ["get_pretty_env_info", "main"]

if __name__ == "__main__":
    main()
