-- Grain: a person who came to the first step, how far, and how fast.
SELECT person, value, $level AS level$times
FROM
(
    $passes
)
WHERE level > 0
