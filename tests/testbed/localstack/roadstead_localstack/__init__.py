"""LocalStack as Roadstead's tests need it: ELBv2 for Network Load Balancers, and EC2 without what moto leaves out.

`python -m roadstead_localstack` starts it; see `__main__`. Nothing here is imported by anything but that.
"""
