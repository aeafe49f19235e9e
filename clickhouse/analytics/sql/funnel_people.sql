-- Grain: a person at a step.
SELECT person
FROM ($people)
WHERE $at AND person > {after:String}
ORDER BY person
LIMIT {most:UInt32}
$settings
