"""The server on a Ray cluster: the same port and dialects, with models on as many machines as there are.

``ingress`` processes own the port and speak with clients. Each model is a deployment of Ray Serve, whose replicas own
one model each and may go, come and be replaced while clients are served. Whatever a session remembers travels with the
request, so that any replica can answer it. Ray is an extra: nothing outside this folder imports it.
"""
