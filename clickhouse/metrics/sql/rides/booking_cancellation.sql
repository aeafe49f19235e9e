-- By when the bookings were created, whenever they ended.

-- from hourly_bookings by created
SELECT sumIf(events, event_type = 'booking.cancelled') AS numerator,
    sumIf(events, event_type = 'booking.created') AS denominator
FROM {source}
WHERE event_type IN ('booking.created', 'booking.cancelled')

-- from booking_events, events_raw by created
SELECT countIf(event_type = 'booking.cancelled') AS numerator,
    countIf(event_type = 'booking.created') AS denominator
FROM {source}
WHERE event_type IN ('booking.created', 'booking.cancelled')
