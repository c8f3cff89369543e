/** Whether a name has wildcards. */

export const isPattern = (name: string): boolean => /(^|\.)(\*\*?|>)(\.|$)/.test(name);
