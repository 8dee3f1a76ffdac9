"""What the cold store holds."""

from django.db import models


class Cut(models.Model):
    """One kind of meat and how much of it is in stock."""

    name = models.CharField(max_length=80, unique=True)
    kilograms = models.DecimalField(max_digits=9, decimal_places=3, default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
