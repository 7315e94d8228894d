"""What networks are made of and cost: parameters, multiply-adds, published weights."""
