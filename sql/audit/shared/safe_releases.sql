-- For each major release the first minor release without a known hole in row-level security (CVE-2026-14666,
-- CVE-2026-120154).
safe_releases (major, minor) as (values (15, 20), (16, 16), (17, 12), (18, 7))
