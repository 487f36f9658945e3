"""What of EC2 a load balancer touches: moto's own, corrected where it is not what AWS documents."""
