"""The benchmark of Rowkeep. Its figures are ratios within one round, so that other work on the machine matters little.

    command          the command line, and the order of the steps
    programs         the programs that must be installed
    cluster          a temporary PostgreSQL
    users            the users and their tasks: ids are computed, so that every client can name tasks that exist
    server           Rowkeep and the delaying proxy, as processes
    pgbench_scripts  the statements that the server sends, as scripts for pgbench
    traffic          runs of wrk and pgbench
    usage            processor time and memory, as the kernel counts them
    checks           that the measured answers are right
    parts/           the measurements
    report           medians, ranges, goals, and the table
"""
