"""The health answer and the list of cuts."""

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from rest_framework import generics, serializers

from .models import Cut


def health(_request: HttpRequest) -> JsonResponse:
    """200 only if the database answered: an application without one is not healthy."""
    try:
        cuts = Cut.objects.count()
    except DatabaseError as error:
        reason = type(error).__name__
        body = {"status": "unhealthy", "service": "projectmeats", "database": reason}
        return JsonResponse(body, status=503)
    return JsonResponse({"status": "healthy", "service": "projectmeats", "cuts": cuts})


class CutSerializer(serializers.ModelSerializer):
    """A cut as the API shows it."""

    class Meta:
        model = Cut
        fields = ["id", "name", "kilograms"]


class CutList(generics.ListAPIView):
    """All cuts, by name."""

    queryset = Cut.objects.all()
    serializer_class = CutSerializer
