"""Ops of losses: against classes, likelihoods, margins, regression, CTC."""
