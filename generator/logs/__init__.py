"""Application and access logs whose anomalies are labelled in time, and what they are written with."""
