-- Where factors were added. Earlier ones do not know.

ALTER TABLE factors ADD COLUMN origin_product TEXT;

-- What the caller said of the owner's client, sealed with the account's personal_key.
ALTER TABLE factors ADD COLUMN origin_client BLOB;
