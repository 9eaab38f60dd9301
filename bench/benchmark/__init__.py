"""The benchmark of Rowkeep: everything as a ratio within one round, so that a busy machine spoils as little as possible.

    programs   what must be installed, named at once where it is missing
    cluster    a PostgreSQL of its own, thrown away afterwards
    people     who has which tasks: ids and users are computed, so that every client can name tasks that exist
    server     Rowkeep and the delaying proxy, as processes
    twins      the statements that the server was seen to send, as scripts of pgbench
    traffic    runs of wrk and pgbench
    usage      processor time and memory, as the kernel counts them
    checks     that what is measured is right
    parts/     what is measured
    report     medians, spreads, goals, the table
"""
