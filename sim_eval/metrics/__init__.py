"""How far apart two things are: actions, paths, pictures; and how sure one may be of the mean."""
