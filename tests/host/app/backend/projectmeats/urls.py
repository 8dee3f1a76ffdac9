"""Who answers which path."""

from django.contrib import admin
from django.urls import path

from stock import views

urlpatterns = [
    path("health/", views.health),
    path("api/v1/cuts/", views.CutList.as_view()),
    path("admin/", admin.site.urls),
]
