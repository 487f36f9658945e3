"""With which words does AWS refuse? One function for each error that more than one operation answers."""

from localstack.aws.api import CommonServiceException


def refused(code: str, message: str) -> CommonServiceException:
    return CommonServiceException(code, message, status_code=400, sender_fault=True)


def invalid(message: str) -> CommonServiceException:
    return refused("ValidationError", message)


def misconfigured(message: str) -> CommonServiceException:
    return refused("InvalidConfigurationRequest", message)


def load_balancer_not_found(what: str) -> CommonServiceException:
    return refused("LoadBalancerNotFound", f"Load balancer '{what}' not found")


def load_balancers_not_found(what: list[str]) -> CommonServiceException:
    return refused("LoadBalancerNotFound", f"Load balancers '[{', '.join(what)}]' not found")


def target_group_not_found(what: str) -> CommonServiceException:
    return refused("TargetGroupNotFound", f"Target groups '{what}' not found")


def target_groups_not_found(what: list[str]) -> CommonServiceException:
    return refused("TargetGroupNotFound", f"One or more target groups not found: {', '.join(what)}")


def listener_not_found(arn: str) -> CommonServiceException:
    return refused("ListenerNotFound", f"One or more listeners not found: {arn}")
