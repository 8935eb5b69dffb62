//! `ProductService`.

mod directory;
mod parse;
mod render;

crate::door::handlers! { ProductService in product_service_server {
    act create_product(CreateProductRequest) -> CreateProductResponse = parse::create, render::created;
    ask get_product(GetProductRequest) -> GetProductResponse = parse::get, render::got;
    ask get_method_directory(GetMethodDirectoryRequest) -> GetMethodDirectoryResponse
        = directory::get, directory::got;
    ask list_products(ListProductsRequest) -> ListProductsResponse = parse::list, render::listed;
    act update_product(UpdateProductRequest) -> UpdateProductResponse = parse::update, render::updated;
    act register_interest(RegisterInterestRequest) -> RegisterInterestResponse
        = parse::register_interest, render::interest_registered;
    ask list_interest(ListInterestRequest) -> ListInterestResponse = parse::list_interest, render::interest_listed;
} }
