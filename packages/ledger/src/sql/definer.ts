/**
 * Attributes of every function that a caller may execute. SECURITY DEFINER: the application needs
 * EXECUTE and no right on any table. The search path is pinned, or a caller could put an object of
 * their own in front of ours.
 */
export const definer = 'security definer set search_path = pg_catalog, pg_temp'
