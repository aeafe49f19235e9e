-- Every sale and refund of one ticketed event.
SELECT occurred_at, event_type, order_id, ticket_type_id, quantity, amount, refund_amount, currency
FROM ticket_sales
WHERE ticketed_event_id = {ticketed_event:String} AND occurred_at >= {since:DateTime} AND occurred_at < {until:DateTime}
ORDER BY occurred_at DESC LIMIT 500
