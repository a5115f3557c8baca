"""stub"""
def as_text(v):
    return ""
