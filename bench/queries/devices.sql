-- Traffic and purchases by device, system and browser.
SELECT device_type, os, browser, sum(events) AS events, uniqCombined64Merge(14)(sessions) AS sessions
FROM device_analytics WHERE bucket >= {since:DateTime} AND bucket < {until:DateTime}
GROUP BY device_type, os, browser ORDER BY events DESC LIMIT 100
