#!/bin/sh
# Runs the test groups that need real peers and says of each: passed, FAILED or left out.
# A group's script exits 0 when its tests passed and 77 when something it needs is not to be had.
set -u
failed=0
summary=

for group in node pipecat soak other; do
    printf '\n== %s ==\n' "$group"
    scripts/$group.sh
    case $? in
        0) outcome=passed ;;
        77) outcome="left out (reason above)" ;;
        *) outcome=FAILED failed=1 ;;
    esac
    summary="$summary  $group: $outcome
"
done

printf '\nGroups with real peers:\n%s' "$summary"
exit $failed
