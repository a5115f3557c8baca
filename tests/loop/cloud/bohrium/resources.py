"""Jobs and files of the stand-in: a folder for each job, whose number is the job's id."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

CLOUD = Path(os.environ.get("CLOUD", "cloud"))
RUNNING, FINISHED, FAILED, ENDED = 1, 2, -1, 5


class Tiefblue:
    """Files."""

    def __init__(self, base_url=None):
        pass

    def upload_From_file_multi_part(self, object_key, file_path, token):
        shutil.copy(file_path, CLOUD / object_key)

    def download_from_url(self, url, target):
        shutil.copy(url, target)


class Job:
    """Jobs."""

    def __init__(self, client):
        CLOUD.mkdir(exist_ok=True)

    def create(self, project_id, name, group_id):
        number = 1
        while True:
            try:
                (CLOUD / str(number)).mkdir()
                break
            except FileExistsError:
                number += 1
        return {"jobId": number, "jobGroupId": 1, "token": "", "storePath": str(number)}

    def insert(self, **given):
        folder = CLOUD / str(given["job_id"])
        assert not (folder / "pid").exists(), "submitted twice"
        with zipfile.ZipFile(CLOUD / given["oss_path"]) as archive:
            archive.extractall(folder / "work")
        (folder / "out_files").write_text("\n".join(given["out_files"]))
        process = subprocess.Popen(
            [sys.executable, __file__, str(folder.resolve()), given["cmd"]],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (folder / "pid").write_text(str(process.pid))
        return {"jobId": given["job_id"], "jobGroupId": 1}

    def detail(self, job_id):
        folder = CLOUD / str(job_id)
        assert (folder / "pid").exists(), f"job {job_id} has not been submitted"
        status = folder / "status"
        code = int(status.read_text()) if status.exists() else None
        state = {None: RUNNING, 0: FINISHED, 137: ENDED}.get(code, FAILED)
        back = str(folder / "back.zip") if (folder / "back.zip").exists() else ""
        return {"id": int(job_id), "status": state, "exitCode": code or 0, "resultUrl": back}

    def log(self, job_id):
        return (CLOUD / str(job_id) / "log").read_text()

    def kill(self, job_id):
        os.killpg(int((CLOUD / str(job_id) / "pid").read_text()), signal.SIGKILL)
        (CLOUD / str(job_id) / "log").touch()
        (CLOUD / str(job_id) / "status").write_text("137")


def work(folder: Path, command: str) -> None:
    """What the cloud does with a job."""
    done = subprocess.run(["bash", "-c", command], cwd=folder / "work", capture_output=True)
    (folder / "log").write_bytes(done.stdout + done.stderr)
    with zipfile.ZipFile(folder / "back.zip", "w") as archive:
        for pattern in (folder / "out_files").read_text().splitlines():
            for found in (folder / "work").glob(pattern):
                for file in [found, *found.rglob("*")]:
                    archive.write(file, file.relative_to(folder / "work"))
    (folder / "status.new").write_text(str(done.returncode))
    (folder / "status.new").rename(folder / "status")


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
