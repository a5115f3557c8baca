"""A stand-in for Bohrium's client and the cloud behind it: jobs run here, in the folder $CLOUD.

Only what dpdispatcher calls.  A job's inputs come as an archive, and so does what it leaves.
"""


class Bohrium:
    """The client, that must be let in."""

    def __init__(self, access_key, project_id, app_key=None):
        if access_key != "the-key-of-the-cloud":
            raise ConnectionError(f"the access key {access_key} is not known")
