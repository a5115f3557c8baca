"""stub"""
def judge(work):
    raise SystemExit("judge")
