"""The admin page of the stock."""

from django.contrib import admin

from .models import Cut


@admin.register(Cut)
class CutAdmin(admin.ModelAdmin):
    """Lists the cuts with their weight."""

    list_display = ("name", "kilograms")
    search_fields = ("name",)
