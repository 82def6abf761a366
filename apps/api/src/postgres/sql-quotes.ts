/** Quotes an identifier for SQL text or `search_path` (PostgreSQL docs, section 4.1.1). */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Quotes a string for SQL text (PostgreSQL docs, section 4.1.2.1, with `standard_conforming_strings` on). */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`
